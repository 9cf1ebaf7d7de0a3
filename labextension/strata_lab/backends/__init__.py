"""What makes generations: installers, each behind one small protocol."""
