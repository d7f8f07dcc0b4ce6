"""Reports of one or two pages: what is in them (brief, scorecard), and their formats (html, pdf, docx)."""
