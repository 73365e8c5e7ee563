"""What pictures are worth in terms that people know: files of a wanted score, and the score of any two."""
