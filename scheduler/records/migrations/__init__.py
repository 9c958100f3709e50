"""The steps that bring the store's tables from one revision to the next, run by Alembic."""
