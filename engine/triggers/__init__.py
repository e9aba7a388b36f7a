"""What starts runs by itself: times, files, requests and events."""
