"""What loads and runs a bundle's model: one file a runtime, which travels in the bundle.

Each holds a class ``Model(folder, manifest, device)`` with ``outputs(inputs)``, the output for
arrays by name; ``prepare(inputs)``, which puts them in place; and ``run()``, which executes one
inference and waits for its end. A missing runtime raises ImportError, a model or device that does
not fit ValueError. They need their runtime and numpy alone, and import nothing of this package,
except for PyTorch, whose networks are code.
"""
