"""Control over HTTP: a script in any language acts for people and changes the world, on a port of its own.

`GET /` lists every action with its fields.
"""
