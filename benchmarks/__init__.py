"""Ratios measured in one run, against a peer or a limit; never a timed test. ``make bench`` runs them all."""
