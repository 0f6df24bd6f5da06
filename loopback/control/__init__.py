"""Control over HTTP: a script in any language acts for people and arranges the world, on a port of its own.

`server` listens, `acts` is what a person can do, `stage` what can be arranged and gone wrong, `asked` reads a request,
`view` draws the answers. `GET /` lists every act with its fields.
"""
