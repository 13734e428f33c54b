"""Flow data: photographs, rendered pairs with exact ground truth, file formats, pair folders."""
