"""Buttons and menus: who pressed, whether they may, and what happens then."""
