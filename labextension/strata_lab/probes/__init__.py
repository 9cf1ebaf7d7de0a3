"""Scripts that the *stack's* interpreter runs: standard library only, Python 3.8 and later, one JSON document out."""

from pathlib import Path

INVENTORY = Path(__file__).with_name("inventory.py")
VERIFY = Path(__file__).with_name("verify.py")
