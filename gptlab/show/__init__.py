"""The one way anything is displayed: picture, table, verdict, frame. Nothing here knows a model."""
