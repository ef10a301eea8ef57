"""A person's own workbook, copied part by part: with the answers beside its rows, or with some of its rows only."""
