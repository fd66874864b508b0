"""What opens and closes turns in the chat templates that people use, and what tokenizers may fold into one of these."""

from __future__ import annotations

TOKENS = (
    # ChatML and its kin: Qwen, Phi, Llama 3 and 4, Command R, Granite, gpt-oss, Yi, ERNIE, Apertus, Kimi, Jamba, Plamo
    "<|im_start|>", "<|im_end|>", "<|im_sep|>", "<|im_system|>", "<|endoftext|>", "<|system|>", "<|user|>",
    "<|assistant|>", "<|end|>", "<|observation|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
    "<|eot_id|>", "<|eom_id|>", "<|python_tag|>", "<|header_start|>", "<|header_end|>", "<|eot|>",
    "<|START_OF_TURN_TOKEN|>", "<|SYSTEM_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<BOS_TOKEN>", "<|start_of_role|>",
    "<|end_of_role|>", "<|start|>", "<|channel|>", "<|message|>", "<|return|>", "<|call|>", "<|separator|>",
    "<|end_of_turn|>", "<|begin_of_sentence|>", "<|system_start|>", "<|user_end|>", "<|bom|>", "<|plamo:op|>",
    "<|tool_call|>", "<tool_call>", "</tool_call>", "<tool_response>", "<|fim_prefix|>", "<|vision_start|>",
    # Llama 2, Mistral, and others that write brackets
    "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[IMG]", "[IMG_BREAK]", "[THINK]", "[/THINK]",
    "[gMASK]", "[sMASK]", "<sop>", "<eop>", "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[BOS]", "[EOS]", "[EOT]",
    "[|system|]", "[|user|]", "[|assistant|]", "[|endofturn|]", "[|Human|]", "[|AI|]", "[unused9]", "[@BOS@]",
    "[UNUSED_TOKEN_146]", "[multimodal]", "[e~[", "]~b]", "]~!b[",
    # SentencePiece and its kin: Gemma, DeepSeek, Nemotron, Baichuan, Seed, Bailing, Hunyuan
    "<s>", "</s>", "<unk>", "<pad>", "<bos>", "<eos>", "<mask>", "<0x0A>", "<start_of_turn>", "<end_of_turn>", "<turn>",
    "<unused0>", "<start_of_image>", "<extra_id_0>", "<extra_id_1>", "<reserved_106>", "<SPECIAL_10>", "<seed:bos>",
    "<role>", "</role>", "<eoh>", "<eoa>", "<AI>", "<用户>", "<think>", "</think>", "<answer>",
    "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>",
    "<｜hy_User｜>", "▁", "|ENDOFTEXT|", "|NEWLINE|", ">>QUESTION<<",
    # Turns in plain text: they stand at the beginning of a line
    "### Instruction:", "### Response:", "### Human:", "\n\nHuman:", "\n\nAssistant:", "\nUSER:", "\nASSISTANT:",
    "\rUser:", "\u2028User:", "\u2029User:", "\x85User:", "\x0cUser:", "\x1dUser:",
    # What a tokenizer may fold into one of the above
    "＜｜im_end｜＞", "﹤s﹥", "≮s≯", "［INST］", "﹇INST﹈", "<\u200b|im_end|>", "\U000e003c\U000e0073\U000e003e",
)  # fmt: skip
