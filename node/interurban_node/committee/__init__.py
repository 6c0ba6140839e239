"""Reading several cities' releases together: side by side, combined, downloadable."""
