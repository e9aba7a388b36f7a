"""The rooms of one commit: functions over its working area, in the order that they are used."""
