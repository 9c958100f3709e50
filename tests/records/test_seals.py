"""Seals from outside: whose head they are of, from when they count, and what they make of a job's rule."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.domain.errors import InvalidInput
from scheduler.records.chain import BadChain
from scheduler.records.heads import Head
from scheduler.records.seals import Seal, Way, line_of, registration, seal_of, seals_from
from tests.records.cases import T0, at
from tests.records.seals_made import SIGNATURE, stamp, tag
from tests.records.test_heads import DAYS, made

HEADS = made(*DAYS)
FIRST, SECOND, LAST = HEADS
STAMPED = "20240307120000.25Z"
BROUGHT = at(72)
WHEN = datetime(2024, 3, 7, 12, 0, 0, 250_000, tzinfo=UTC)


def sealed(way: Way, raw: bytes, *before: Seal, now: datetime = BROUGHT) -> Seal:
    """The seal of one of the heads."""
    return seal_of(way, raw, HEADS, before, at=now)


def test_a_time_stamp_is_of_the_head_whose_text_it_hashes_and_counts_from_its_own_time() -> None:
    """Whenever it was brought here."""
    seal = sealed("tsr", stamp(SECOND.text, STAMPED))
    assert (2, WHEN, at(72)) == (seal.head, seal.sealed_at, seal.recorded_at)


def test_a_tag_is_of_the_head_that_it_carries_and_counts_from_when_it_came() -> None:
    """Its time is the word of whoever made it, so an early one buys nothing; a later one is believed."""
    assert (3, at(72)) == ((seal := sealed("tag", tag(LAST.text, at(1)))).head, seal.sealed_at)
    assert at(80) == sealed("tag", tag(LAST.text, at(80))).sealed_at


@pytest.mark.parametrize(
    ("way", "raw", "named"),
    [
        ("tag", b"", "no tag object"),
        ("tag", LAST.text.encode(), "no tag object"),
        ("tag", tag(LAST.text, T0, signature=""), "not signed"),
        ("tag", tag(LAST.text.replace("seal ", "seal x"), T0), "carries none of the heads"),
        ("tsr", b"", "no time stamp"),
        ("tsr", b"hello", "no time stamp"),
        ("tsr", stamp(LAST.text, STAMPED)[:-9], "cut off"),
        ("tsr", b"\x30\x85\x01\x01\x01\x01\x01", "no time stamp"),
        ("tsr", stamp(LAST.text, STAMPED, status=2), "refused to stamp it: status 2"),
        ("tsr", stamp(LAST.text, STAMPED, oid="2b0e03021a"), "a hash that is not known"),
        ("tsr", stamp(LAST.text, STAMPED, signed="2a0304"), "is not signed"),
        ("tsr", stamp(LAST.text, STAMPED, content="2a0304"), "what was signed is no time stamp"),
        ("tsr", stamp(LAST.text, "20249907120000Z"), "tells no time"),
        ("tsr", stamp("another text", STAMPED), "of none of the heads"),
    ],
)
def test_what_seals_nothing_is_refused(way: Way, raw: bytes, named: str) -> None:
    """And what it lacks is named."""
    with pytest.raises(InvalidInput, match=named):
        sealed(way, raw)


def test_seals_are_read_as_they_were_written_and_a_withheld_one_too() -> None:
    """A tag names a person, so its content may be left out; the chain of seals holds all the same."""
    one = sealed("tag", tag(FIRST.text, T0))
    two = sealed("tsr", stamp(LAST.text, STAMPED), one)
    assert (one, two) == seals_from([line_of(one), line_of(two)], HEADS)
    assert (replace(one, content=""), two) == seals_from([line_of(one, withheld=True), line_of(two)], HEADS)


def test_a_changed_seal_is_found() -> None:
    """Its head, its time, its content, its place."""
    one = sealed("tsr", stamp(FIRST.text, STAMPED))
    two = sealed("tsr", stamp(LAST.text, STAMPED), one)
    other = sealed("tsr", stamp(SECOND.text, STAMPED))
    for lines, named in (
        ([line_of(two)], "seal 1 does not follow"),
        ([line_of(one).replace('"head":1', '"head":2')], "seal 1 was changed"),
        ([line_of(replace(one, head=2))], "says another head or time"),
        ([line_of(replace(one, sealed_at=T0))], "says another head or time"),
        ([line_of(replace(one, content=other.content))], "its content is another"),
        ([line_of(replace(one, content="?"))], "not in base64"),
        ([line_of(replace(one, head=9))], "is of head 9, which is missing"),
        (["{}"], "seal 1 is no seal"),
        ([line_of(one).replace('"way":"tsr"', '"way":"wax"')], "seal 1 is no seal"),
    ):
        with pytest.raises(BadChain, match=named):
            seals_from(lines, HEADS)


@pytest.mark.parametrize(
    ("job_id", "head", "sealed_h", "starts_h", "expected"),
    [
        ("a", FIRST, 1.0, 2.0, "pre-registered"),
        ("a", FIRST, 2.0, 2.0, "self-attested"),
        ("a", LAST, 1.0, 2.0, "pre-registered"),
        ("b", FIRST, 1.0, 2.0, "self-attested"),
        ("b", SECOND, 1.0, 2.0, "pre-registered"),
        ("b", SECOND, 1.0, None, "pre-registered"),
        ("c", LAST, 1.0, 2.0, "self-attested"),
    ],
)
def test_a_rule_is_pre_registered_only_if_sealed_before_the_start(
    job_id: str, head: Head, sealed_h: float, starts_h: float | None, expected: str
) -> None:
    """By a seal of a head that holds the job; the same instant is too late."""
    seal = Seal(head=head.n, way="tsr", sealed_at=at(sealed_h), recorded_at=at(9), sha256="", prev="", content="")
    starts = None if starts_h is None else at(starts_h)
    assert expected == registration(job_id, starts, HEADS, [seal])[0]
    assert "self-attested" == registration(job_id, starts, HEADS, [])[0]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed, which makes a real time stamp")
def test_a_real_authority_s_answer_is_read(tmp_path: Path) -> None:
    """As openssl makes and signs it."""
    (tmp_path / "head.txt").write_text(LAST.text)
    (tmp_path / "tsa.cnf").write_text(
        "[tsa]\ndefault_tsa=own\n[own]\nserial=serial\ndefault_policy=1.2.3.4\ndigests=sha256\nsigner_digest=sha256\n"
        "ess_cert_id_alg=sha256\n[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n"
        "extendedKeyUsage=critical,timeStamping\n"
    )
    (tmp_path / "serial").write_text("01\n")
    made = "req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem"
    for words in (
        f"{made} -subj /CN=tsa -days 2 -config tsa.cnf",
        "ts -query -data head.txt -sha256 -cert -out head.tsq",
        "ts -reply -config tsa.cnf -queryfile head.tsq -signer cert.pem -inkey key.pem -out head.tsr",
    ):
        subprocess.run(["openssl", *words.split()], cwd=tmp_path, check=True, capture_output=True)
    seal = seal_of("tsr", (tmp_path / "head.tsr").read_bytes(), HEADS, (), at=at(0))
    assert 3 == seal.head
    assert abs(datetime.now(UTC) - seal.sealed_at) < timedelta(minutes=5)


def test_a_signature_of_ssh_counts_as_one() -> None:
    """Its tool git signs with either."""
    assert 3 == sealed("tag", tag(LAST.text, T0, signature=SIGNATURE.replace("PGP", "SSH"))).head
