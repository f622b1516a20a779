"""One recipe per verb, each read top to bottom. Only recipes know servers, files and dumps at once."""
