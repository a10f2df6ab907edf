"""What drawing tools compute: from values, points and masks to the voxels of a region. No window, no editor."""
