"""What tests share: servers, made objects, documents. No test is in here."""
