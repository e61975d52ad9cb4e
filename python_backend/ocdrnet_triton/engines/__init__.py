"""The engines that run the networks, behind one protocol: `base.Network`; `factory` opens one by a model's config."""
