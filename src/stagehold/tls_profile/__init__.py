"""What TLS is judged by: profiles, each a file of lines with their sources, pinned by its digest."""
