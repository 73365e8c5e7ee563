"""How near a coded picture is to its original: measured, or wanted."""
