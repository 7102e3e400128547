"""What was: which stretch of time a trend shows, its buckets from the site and from what is kept, and their export."""
