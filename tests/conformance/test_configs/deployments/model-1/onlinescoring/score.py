import json
def init(): pass
def run(data): return [1, 2]
