"""Amazon Textract: `DetectDocumentText`."""
