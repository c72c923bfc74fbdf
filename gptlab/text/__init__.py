"""What text stands on: byte-level BPE to read and its fast path, documentation as text, files."""
