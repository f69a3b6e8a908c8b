"""Where rows come from and go to; one file or folder each, strangers to each other."""
