"""AttentionRNN and Block AttentionRNN (Khandelwal and Sigal, 2019): attention masks whose values see each other."""
