"""What training and generating stand on: device, processes, progress, locks, fast kernels."""
