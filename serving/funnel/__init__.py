"""Retrieve, rank, apply policy: how every list is made, for the live service and the weekly batch alike."""
