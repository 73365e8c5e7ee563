"""What a desktop wants to know of `.nic` files: their type (nic.xml, nic.magic), and their thumbnails."""
