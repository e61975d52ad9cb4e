"""The served repository: model configs rendered, weights and cards placed."""
