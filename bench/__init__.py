"""How much flightrec costs, beside Go's own flight recorder: ``python -m bench``."""
