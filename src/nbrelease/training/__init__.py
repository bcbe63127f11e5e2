"""The jobs of 02_train: their code, their inputs, and what they leave."""
