"""The acme-kind `acme-name` for valle."""
