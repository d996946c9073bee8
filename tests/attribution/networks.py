"""Public networks built small, with weights that make every branch live."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from l2xbench.system.compat import import_basicsr


def enliven(model: nn.Module, seed: int = 0) -> nn.Module:
    """Random weights in which no gamma, scale or running statistic is trivial."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            z = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            if parameter.numel() == 0:
                continue
            if parameter.dim() >= 2 and parameter[0].numel() > 1:
                parameter.copy_(0.7 * z / math.sqrt(parameter[0].numel()))
            elif name.endswith("weight"):
                parameter.copy_(1 + 0.1 * z)
            else:
                parameter.copy_(0.1 + 0.05 * z)
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                buffer.copy_(1 + 0.2 * torch.rand(buffer.shape, generator=generator))
            elif name.endswith("running_mean"):
                buffer.copy_(0.1 * torch.randn(buffer.shape, generator=generator))
    return model.eval()


def basicsr_networks() -> dict[str, Callable[[], nn.Module]]:
    if importlib.util.find_spec("basicsr") is None:
        pytest.skip("needs the extra `basicsr`")
    import_basicsr()
    from basicsr.archs.edsr_arch import EDSR
    from basicsr.archs.rcan_arch import RCAN
    from basicsr.archs.ridnet_arch import RIDNet
    from basicsr.archs.srresnet_arch import MSRResNet
    from basicsr.archs.swinir_arch import SwinIR

    swinir: dict[str, Any] = {
        "img_size": 16,
        "window_size": 8,
        "depths": [2, 2],
        "embed_dim": 24,
        "num_heads": [2, 2],
        "upscale": 4,
    }
    return {
        "EDSR": lambda: EDSR(3, 3, num_feat=16, num_block=2, upscale=4),
        "RCAN": lambda: RCAN(3, 3, num_feat=16, num_group=2, num_block=2, squeeze_factor=4, upscale=4),
        "MSRResNet": lambda: MSRResNet(3, 3, num_feat=16, num_block=2, upscale=4),
        "RIDNet": lambda: RIDNet(3, 16, 3),
        "SwinIR": lambda: SwinIR(**swinir, upsampler="pixelshuffle"),
        "SwinIR light": lambda: SwinIR(**swinir, upsampler="pixelshuffledirect"),
        "SwinIR real": lambda: SwinIR(**swinir, upsampler="nearest+conv", resi_connection="3conv"),
    }


def spandrel_networks() -> dict[str, Callable[[], nn.Module]]:
    from spandrel.architectures.ATD.__arch.atd_arch import ATD
    from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact
    from spandrel.architectures.CRAFT.__arch.CRAFT import CRAFT
    from spandrel.architectures.DAT.__arch.DAT import DAT
    from spandrel.architectures.DCTLSA.__arch.dctlsa import DCTLSA
    from spandrel.architectures.DITN.__arch.DITN_Real import DITN_Real
    from spandrel.architectures.DRCT.__arch.drct_arch import DRCT
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet
    from spandrel.architectures.FDAT.__arch.fdat import FDAT
    from spandrel.architectures.GRL.__arch.grl import GRL
    from spandrel.architectures.HAT.__arch.HAT import HAT
    from spandrel.architectures.IPT.__arch.ipt import IPT
    from spandrel.architectures.MMRealSR.__arch.mmrealsr_arch import MMRRDBNet_test
    from spandrel.architectures.MoESR.__arch.MoESR import MoESR
    from spandrel.architectures.MoSR.__arch.mosr_arch import MoSR
    from spandrel.architectures.OmniSR.__arch.OmniSR import OmniSR
    from spandrel.architectures.PLKSR.__arch.PLKSR import PLKSR
    from spandrel.architectures.PLKSR.__arch.RealPLKSR import RealPLKSR
    from spandrel.architectures.RCAN.__arch.rcan_arch import RCAN
    from spandrel.architectures.RealCUGAN.__arch import upcunet_v3 as cugan
    from spandrel.architectures.RGT.__arch.rgt import RGT
    from spandrel.architectures.SAFMN.__arch.safmn import SAFMN
    from spandrel.architectures.SAFMNBCIE.__arch.safmn_bcie import SAFMN_BCIE
    from spandrel.architectures.SeemoRe.__arch.seemore_arch import SeemoRe
    from spandrel.architectures.SPAN.__arch.span import SPAN
    from spandrel.architectures.SwiftSRGAN.__arch.SwiftSRGAN import Generator
    from spandrel.architectures.Swin2SR.__arch.Swin2SR import Swin2SR
    from spandrel.architectures.SwinIR.__arch.SwinIR import SwinIR

    swin: dict[str, Any] = {
        "img_size": 16,
        "window_size": 8,
        "depths": [2, 2],
        "embed_dim": 24,
        "num_heads": [2, 2],
        "upscale": 4,
    }
    mlp: dict[str, Any] = {"upsampler": "pixelshuffle"}
    return {
        "ATD": lambda: ATD(**swin, **mlp, category_size=32, num_tokens=16, reducted_dim=4),
        "ATD light": lambda: ATD(
            **swin, upsampler="pixelshuffledirect", category_size=32, num_tokens=16, reducted_dim=4
        ),
        "Compact": lambda: SRVGGNetCompact(num_feat=16, num_conv=3),
        "CRAFT": lambda: CRAFT(window_size=8, embed_dim=24, depths=[2], num_heads=[2], split_size_0=4, split_size_1=8),
        "DAT": lambda: DAT(img_size=16, embed_dim=24, split_size=[4, 8], depth=[2, 2], num_heads=[2, 2], upscale=4),
        "DCTLSA": lambda: DCTLSA(nf=20, num_head=5),
        "DITN": lambda: DITN_Real(dim=16, ITL_blocks=2, SAL_blocks=2),
        "DRCT": lambda: DRCT(**swin, **mlp, gc=8),
        "ESRGAN": lambda: RRDBNet(num_filters=16, num_blocks=2),
        "ESRGAN plus": lambda: RRDBNet(num_filters=16, num_blocks=2, plus=True),
        "FDAT": lambda: FDAT(embed_dim=24, num_groups=1, depth_per_group=2, num_heads=2, mid_dim=16),
        "GRL": lambda: GRL(
            img_size=16,
            embed_dim=24,
            upscale=4,
            upsampler="pixelshuffle",
            depths=[2, 2],
            num_heads_window=[2, 2],
            num_heads_stripe=[2, 2],
            window_size=8,
            stripe_size=[8, 8],
            local_connection=True,
            anchor_window_down_factor=2,
            out_proj_type="linear",
            stripe_shift=True,
            mlp_ratio=2,
        ),
        "HAT": lambda: HAT(**swin, **mlp, compress_ratio=3, squeeze_factor=4, num_feat=16),
        "IPT": lambda: IPT(patch_size=12, n_feats=8, scale=[4], num_heads=2, num_layers=2),
        "MMRealSR": lambda: MMRRDBNet_test(
            num_in_ch=3,
            num_out_ch=3,
            num_feat=16,
            num_block=2,
            num_grow_ch=8,
            num_feats=[16, 16, 16, 16],
            num_blocks=[1, 1, 1, 1],
        ),
        "MoESR": lambda: MoESR(dim=16, n_blocks=2, n_block=2),
        "MoSR": lambda: MoSR(n_block=2, dim=16),
        "MoSR geo": lambda: MoSR(n_block=2, dim=16, upsampler="dys"),
        "OmniSR": lambda: OmniSR(num_feat=16, block_num=1, res_num=1),
        "PLKSR": lambda: PLKSR(dim=16, n_blocks=2, ccm_type="DCCM"),
        "PLKSR sparse": lambda: PLKSR(dim=16, n_blocks=2, lk_type="SparsePLK", with_idt=True),
        "RealPLKSR": lambda: RealPLKSR(dim=16, n_blocks=2),
        "RealPLKSR dysample": lambda: RealPLKSR(dim=16, n_blocks=2, dysample=True, layer_norm=True),
        "RCAN (spandrel)": lambda: RCAN(n_resgroups=2, n_resblocks=2, n_feats=16, reduction=4),
        "RealCUGAN 2x": lambda: cugan.UpCunet2x(),
        "RealCUGAN 3x": lambda: cugan.UpCunet3x(),
        "RealCUGAN 4x": lambda: cugan.UpCunet4x(pro=True),
        "RealCUGAN fast": lambda: cugan.UpCunet2x_fast(),
        "RGT": lambda: RGT(img_size=16, embed_dim=24, depth=[2, 2], num_heads=[2, 2], upscale=4, split_size=[8, 8]),
        "SAFMN": lambda: SAFMN(dim=16, n_blocks=2),
        "SAFMNBCIE": lambda: SAFMN_BCIE(dim=16, n_blocks=2, num_layers=2),
        "SeemoRe": lambda: SeemoRe(num_experts=3, num_layers=2, embedding_dim=16),
        "SPAN": lambda: SPAN(num_in_ch=3, num_out_ch=3, feature_channels=16),
        "SwiftSRGAN": lambda: Generator(num_channels=16, num_blocks=2),
        "Swin2SR": lambda: Swin2SR(**swin, **mlp),
        "Swin2SR light": lambda: Swin2SR(**swin, upsampler="pixelshuffledirect"),
        "SwinIR (spandrel)": lambda: SwinIR(**swin, upsampler="nearest+conv"),
    }


def restoration_networks() -> dict[str, Callable[[], nn.Module]]:
    from spandrel.architectures.DnCNN.__arch.network_dncnn import DnCNN
    from spandrel.architectures.DRUNet.__arch.network_unet import DRUNet
    from spandrel.architectures.FBCNN.__arch.FBCNN import FBCNN
    from spandrel.architectures.FFTformer.__arch.fftformer_arch import FFTformer
    from spandrel.architectures.MixDehazeNet.__arch.MixDehazeNet import MixDehazeNet
    from spandrel.architectures.NAFNet.__arch.NAFNet_arch import NAFNet
    from spandrel.architectures.RetinexFormer.__arch.retinexformer_arch import RetinexFormer
    from spandrel.architectures.SCUNet.__arch.SCUNet import SCUNet
    from spandrel.architectures.Uformer.__arch.Uformer import Uformer

    return {
        "NAFNet": lambda: NAFNet(width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]),
        "SCUNet": lambda: SCUNet(config=[1, 1, 1, 1, 1, 1, 1], dim=64, input_resolution=64),
        "Uformer": lambda: Uformer(
            img_size=128, embed_dim=4, depths=[1] * 9, num_heads=[1, 1, 1, 2, 2, 2, 1, 1, 1], modulator=True
        ),
        "FFTformer": lambda: FFTformer(dim=8, num_blocks=[1, 1, 1], num_refinement_blocks=1),
        "DnCNN": lambda: DnCNN(in_nc=3, out_nc=3, nc=16, nb=4),
        "DRUNet": lambda: DRUNet(in_nc=3, out_nc=3, nc=[8, 8, 8, 8], nb=1),
        "FBCNN": lambda: FBCNN(in_nc=1, out_nc=1, nc=[8, 8, 8, 512], nb=1),
        "MixDehazeNet": lambda: MixDehazeNet(embed_dims=[8, 16, 32, 16, 8]),
        "RetinexFormer": lambda: RetinexFormer(n_feat=8, stage=1),
    }


def extra_networks() -> dict[str, Callable[[], nn.Module]]:
    from spandrel_extra_arches.architectures.MIRNet2.__arch.mirnet_v2_arch import MIRNet_v2
    from spandrel_extra_arches.architectures.MPRNet.__arch.MPRNet import MPRNet
    from spandrel_extra_arches.architectures.Restormer.__arch.restormer_arch import Restormer
    from spandrel_extra_arches.architectures.SRFormer.__arch.SRFormer import SRFormer

    return {
        "Restormer": lambda: Restormer(dim=8, num_blocks=[1, 1, 1, 1], num_refinement_blocks=1, heads=[1, 1, 2, 2]),
        "MIRNet2": lambda: MIRNet_v2(n_feat=16, n_MRB=1),
        "MPRNet": lambda: MPRNet(n_feat=8, scale_unetfeats=4, scale_orsnetfeats=4, num_cab=1),
        "SRFormer": lambda: SRFormer(
            img_size=16,
            window_size=8,
            depths=[2, 2],
            embed_dim=24,
            num_heads=[2, 2],
            upscale=4,
            upsampler="pixelshuffle",
        ),
    }


GREY = {"FBCNN"}
OUTPUTS: dict[str, int] = {"MMRealSR": 0, "MPRNet": 0, "FBCNN": 0}
SIZES = {"Uformer": 128, "FFTformer": 32, "SCUNet": 64, "IPT": 12, "MPRNet": 32, "MixDehazeNet": 64,
         "RealCUGAN 2x": 40, "RealCUGAN 3x": 40, "RealCUGAN 4x": 40, "RealCUGAN fast": 40, "RetinexFormer": 32,
         "DRUNet": 32,
         "FBCNN": 32, "KBNet S": 32, "NAFNet": 32, "Restormer": 32, "MIRNet2": 32}  # fmt: skip


def all_networks() -> dict[str, Callable[[], nn.Module]]:
    others = {**spandrel_networks(), **restoration_networks(), **extra_networks()}
    if importlib.util.find_spec("basicsr") is None:
        return _WithoutBasicSR(others)
    return {**basicsr_networks(), **others}


class _WithoutBasicSR(dict[str, Callable[[], nn.Module]]):
    def __missing__(self, name: str) -> Callable[[], nn.Module]:
        pytest.skip(f"{name} needs the extra `basicsr`")


def streams(name: str, dtype: torch.dtype, batch: int = 1) -> tuple[Tensor, Tensor]:
    """A smooth random image and its blur, as a user would give them."""
    generator = torch.Generator().manual_seed(7)
    size = SIZES.get(name, 16)
    x = torch.rand(batch, 1 if name in GREY else 3, size, size, generator=generator, dtype=torch.float64)
    x_ref = nn.functional.avg_pool2d(nn.functional.pad(x, (2, 2, 2, 2), mode="replicate"), 5, 1)
    return x.to(dtype), x_ref.to(dtype)
