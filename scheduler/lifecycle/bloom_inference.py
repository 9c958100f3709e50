"""BLOOM's inference study: a deployment observed for 18 days, with the two figures that its authors give.

Reference: Luccioni, Viguier and Ligozat, JMLR 24(253), 2023, on deployment and inference; arXiv 2211.02001. The
energy printed and the emissions printed do not agree: the emissions come from a log that the authors trimmed. Both
are kept.
"""

from __future__ import annotations

from typing import Final

from scheduler.domain.units import G_PER_KG

GPUS: Final = 16
"""A100 40 GB, on Google Cloud."""
DAYS: Final = 18.0
"""Length of the observation. [days]"""
TRIMMED_HOURS: Final = 17 * 24 + 3 + 40 / 60
"""Length of the trimmed log: 17 d 3 h 40 min. [h]"""
REQUESTS: Final = 230_768
REQUESTS_PER_HOUR: Final = 558.0
"""As printed. [1/h]"""
INTENSITY_G_PER_KWH: Final = 394.0
"""The zone us-central1, as printed. [g/kWh]"""
PRINTED_KWH: Final = 914.0
"""Energy as printed. [kWh]"""
TRIMMED_KWH: Final = 864.249
"""Energy of the trimmed log, from the authors' published data. [kWh]"""
PRINTED_KG: Final = 340.0
"""Emissions as printed, rounded. [kg CO2e]"""
PRINTED_KG_PER_DAY: Final = 19.0
"""As printed, rounded. [kg CO2e/day]"""
MEAN_W: Final = 1664.0
"""Mean power as printed. [W]"""
MAX_W: Final = 2690.0
"""Highest power in the log; the 2,735 printed beside it is the log's number of rows. [W]"""
ENERGY_SHARE: Final = {"gpu": 0.753, "ram": 0.227, "cpu": 0.020}
"""As printed. [-]"""

FROM_PRINTED_ENERGY_KG: Final = PRINTED_KWH * INTENSITY_G_PER_KWH / G_PER_KG
"""What the printed energy emits. [kg CO2e]"""
FROM_TRIMMED_ENERGY_KG: Final = TRIMMED_KWH * INTENSITY_G_PER_KWH / G_PER_KG
"""What the trimmed log emits: the printed emissions, unrounded. [kg CO2e]"""
DIFFERENCE_KG: Final = FROM_PRINTED_ENERGY_KG - FROM_TRIMMED_ENERGY_KG
"""By how much the two disagree; not 0. [kg CO2e]"""
G_PER_REQUEST: Final = FROM_TRIMMED_ENERGY_KG * G_PER_KG / REQUESTS
"""Emissions of one request on the trimmed log. [g]"""
