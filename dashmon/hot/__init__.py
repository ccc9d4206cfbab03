"""What agents and jobs send all day, answered before Django: read, judged, committed with others, answered."""
