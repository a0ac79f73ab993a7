"""The environment: a deployed system and the facts we expect of it, read from strict YAML."""
