"""The interface of NVIDIA's OCR NIM."""
