"""RAFT: correlation pyramid, recurrent update, convex upsampling and the baseline encoder."""
