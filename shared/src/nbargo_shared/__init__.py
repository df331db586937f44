"""What nbargo's parts agree on: labels, slugs, the job record, the status table, outcomes, errors."""
