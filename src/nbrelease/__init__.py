"""From notebook to released model, with the executed notebooks as the evidence."""
