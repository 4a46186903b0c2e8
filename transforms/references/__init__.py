"""Files of Dutch reference networks as frames: text in, series in canonical units and UTC out."""
