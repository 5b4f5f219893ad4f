"""Parity, drift, quality, integrity: one verdict a day, kept as a report and told on-call by e-mail.

It reads what the other rooms stored (gold tables, the release, the prediction log) and changes none of it.
"""
