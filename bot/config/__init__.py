"""The configuration: from TOML to frozen models, with a sentence for each mistake."""
