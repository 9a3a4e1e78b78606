"""The one recorded thing: what captures write and every view reads."""
