"""Ovarian ultrasound classification (US 12394048 B2)."""
