"""Buttons, menus and cards: each press is checked by the gate and carried out."""
