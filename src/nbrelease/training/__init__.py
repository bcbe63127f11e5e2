"""The jobs of 02_train: their code, inputs and results."""
