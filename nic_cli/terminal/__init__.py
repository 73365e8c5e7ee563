"""What a person sees: lines, bars and tables; failures to lines and exit codes; units."""
