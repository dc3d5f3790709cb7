"""How cut-outs hold up when photos change: curves of IoU and detection over controlled changes."""
