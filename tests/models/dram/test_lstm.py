"""The cell of DRAM is an LSTM as PyTorch has it."""

from __future__ import annotations

import torch
from torch import nn

from models.dram.lstm import LstmCell, LstmState


class TestLstm:
    def test_is_pytorchs_cell_with_an_open_gate(self) -> None:
        """The same as nn.LSTMCell, to whose forget bias 1 was added."""
        torch.manual_seed(0)
        cell, other = LstmCell(3, 4), nn.LSTMCell(3, 4)
        # ours: input, forget, output, candidate; theirs: input, forget, candidate, output
        order = [0, 1, 3, 2]
        weight, bias = cell.gates.weight.view(4, 4, 7), cell.gates.bias.view(4, 4)
        with torch.no_grad():
            other.weight_ih.copy_(weight[order, :, :3].reshape(16, 3))
            other.weight_hh.copy_(weight[order, :, 3:].reshape(16, 4))
            other.bias_ih.copy_(bias[order].reshape(16))
            other.bias_hh.zero_()
            other.bias_hh[4:8] = 1
        values, state = torch.randn(5, 3), (torch.randn(5, 4), torch.randn(5, 4))
        found, expected = cell(values, LstmState(*state)), other(values, state)

        torch.testing.assert_close(found.hidden, expected[0])
        torch.testing.assert_close(found.cell, expected[1])
