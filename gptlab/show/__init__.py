"""The one way anything is displayed: pictures, tables, frames."""
