"""Questionnaires that suppliers answer through a link: what is asked, draft answers, files, handing over sections, sending."""
